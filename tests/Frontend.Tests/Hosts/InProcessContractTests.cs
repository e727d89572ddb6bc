using Evergrain.Suites.Hosts;
using Evergrain.Tests.Services;

namespace Evergrain.Frontend.Tests.Hosts;

public sealed class InProcessInMemoryTests() : ConversationsContract(InProcessHosts.InMemory);

public sealed class InProcessSqliteTests() : ConversationsContract(InProcessHosts.Sqlite);

[Trait("Needs", "Postgres")]
[Collection(PostgresCollection.Name)]
public sealed class InProcessPostgresTests(PostgresServer server)
    : ConversationsContract(InProcessHosts.Postgres(server));

[Trait("Needs", "Azurite")]
[Collection(AzuriteCollection.Name)]
public sealed class InProcessAzureTests(AzuriteServer server) : ConversationsContract(InProcessHosts.Azure(server));

public sealed class InProcessFaultTests() : FaultContract(InProcessHosts.InMemory);

public sealed class InProcessJournalFailureTests() : JournalFailureContract(InProcessHosts.InMemory);

public sealed class InProcessSqliteFailureTests() : JournalFailureContract(InProcessHosts.Sqlite);

[Trait("Needs", "Azurite")]
[Collection(AzuriteCollection.Name)]
public sealed class InProcessAzureFailureTests(AzuriteServer server)
    : JournalFailureContract(InProcessHosts.Azure(server));

public sealed class InProcessPassivationTests() : PassivationContract(InProcessHosts.InMemory);

public sealed class InProcessSqlitePassivationTests() : PassivationContract(InProcessHosts.Sqlite);

public sealed class InProcessHoldingTests() : HoldingContract(InProcessHosts.InMemory);

public sealed class InProcessTimingTests() : TimingContract(InProcessHosts.InMemory);

public sealed class InProcessRecognitionTests() : RecognitionContract(InProcessHosts.Sqlite);

[Trait("Needs", "Postgres")]
[Collection(PostgresCollection.Name)]
public sealed class InProcessPostgresRecognitionTests(PostgresServer server)
    : RecognitionContract(InProcessHosts.Postgres(server));

public sealed class InProcessResentPartsTests() : ResentPartsContract(InProcessHosts.Sqlite);

[Trait("Needs", "Postgres")]
[Collection(PostgresCollection.Name)]
public sealed class InProcessPostgresResentPartsTests(PostgresServer server)
    : ResentPartsContract(InProcessHosts.Postgres(server));

public sealed class InProcessRecognitionLivesTests() : RecognitionLivesContract(InProcessHosts.Sqlite, lives: 200);

[Trait("Needs", "Long")]
public sealed class InProcessManyLivesTests() : RecognitionLivesContract(InProcessHosts.Sqlite, lives: 10_000);

public sealed class InProcessUnstoredRecognitionTests() : UnstoredRecognitionContract(InProcessHosts.Sqlite);

public sealed class InProcessUnstoredBytesTests() : UnstoredBytesContract(InProcessHosts.InMemory);

public sealed class InProcessLifetimeTests() : IndexedLifetimeContract(InProcessHosts.Sqlite);

[Trait("Needs", "Postgres")]
[Collection(PostgresCollection.Name)]
public sealed class InProcessPostgresLifetimeTests(PostgresServer server)
    : IndexedLifetimeContract(InProcessHosts.Postgres(server));

[Trait("Needs", "Azurite")]
[Collection(AzuriteCollection.Name)]
public sealed class InProcessAzureLifetimeTests(AzuriteServer server) : LifetimeContract(InProcessHosts.Azure(server));

public sealed class InProcessCheckTests() : CheckContract(InProcessHosts.InMemory);
