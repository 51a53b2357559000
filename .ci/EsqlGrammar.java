package org.elasticsearch.xpack.esql.parser; // the settings of the grammar are its package's own

import java.util.ArrayList;
import java.util.List;
import org.antlr.v4.runtime.BaseErrorListener;
import org.antlr.v4.runtime.CharStreams;
import org.antlr.v4.runtime.CommonTokenStream;
import org.antlr.v4.runtime.RecognitionException;
import org.antlr.v4.runtime.Recognizer;

/** Reads each argument with the grammar of ES|QL that Elasticsearch itself uses. Says what is wrong, and ends with 1. */
public class EsqlGrammar {
  public static void main(String[] queries) {
    int wrong = 0;
    for (String query : queries) {
      List<String> faults = faultsOf(query);
      for (String fault : faults) System.err.println("ES|QL: " + fault + " in: " + query);
      if (!faults.isEmpty()) wrong += 1;
    }
    System.out.println("ES|QL: " + (queries.length - wrong) + " of " + queries.length + " queries are of the grammar");
    System.exit(wrong == 0 && queries.length > 0 ? 0 : 1);
  }

  private static List<String> faultsOf(String query) {
    List<String> faults = new ArrayList<>();
    BaseErrorListener listener = new BaseErrorListener() {
      @Override
      public void syntaxError(Recognizer<?, ?> by, Object symbol, int line, int at, String said, RecognitionException error) {
        faults.add(said);
      }
    };
    EsqlConfig released = new EsqlConfig();
    released.setDevVersion(false);
    EsqlBaseLexer lexer = new EsqlBaseLexer(new CaseChangingCharStream(CharStreams.fromString(query)));
    lexer.setEsqlConfig(released);
    lexer.removeErrorListeners();
    lexer.addErrorListener(listener);
    EsqlBaseParser parser = new EsqlBaseParser(new CommonTokenStream(lexer));
    parser.setEsqlConfig(released);
    parser.removeErrorListeners();
    parser.addErrorListener(listener);
    parser.singleStatement();
    return faults;
  }
}
