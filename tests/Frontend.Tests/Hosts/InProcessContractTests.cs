using Evergrain.Suites.Hosts;
using Evergrain.Tests.Services;

namespace Evergrain.Frontend.Tests.Hosts;

public sealed class InProcessInMemoryTests() : ConversationsContract(InProcessHosts.InMemory);

public sealed class InProcessSqliteTests() : ConversationsContract(InProcessHosts.Sqlite);

[Trait("Needs", "Postgres")]
[Collection(PostgresCollection.Name)]
public sealed class InProcessPostgresTests(PostgresServer server)
    : ConversationsContract(InProcessHosts.Postgres(server));

public sealed class InProcessFaultTests() : FaultContract(InProcessHosts.InMemory);

public sealed class InProcessJournalFailureTests() : JournalFailureContract(InProcessHosts.InMemory);

public sealed class InProcessSqliteFailureTests() : JournalFailureContract(InProcessHosts.Sqlite);

public sealed class InProcessPassivationTests() : PassivationContract(InProcessHosts.InMemory);

public sealed class InProcessSqlitePassivationTests() : PassivationContract(InProcessHosts.Sqlite);

public sealed class InProcessHoldingTests() : HoldingContract(InProcessHosts.InMemory);

public sealed class InProcessTimingTests() : TimingContract(InProcessHosts.InMemory);

public sealed class InProcessRecognitionTests() : RecognitionContract(InProcessHosts.InMemory);

public sealed class InProcessCheckTests() : CheckContract(InProcessHosts.InMemory);
